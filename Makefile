# Each target sets up what it needs by itself; `make run` is all that a first try takes.
.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint bench

help: ## Show this list
	@sed -n 's/^\([a-z]*\): ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: ## Install everything that running, testing and linting need
	@.ci/setup run && .ci/setup test && .ci/setup lint

run: ## Open the window; without a display, encode the sample clip in the terminal
	@.ci/start

demo: ## Encode the sample clip into target/demo without a window, and check the stream
	@.ci/demo

test: ## Run all tests, on real ffmpeg, S3 server, browser and display
	@.ci/test

lint: ## Formatting, clippy, documentation, licences, unused dependencies, shell scripts
	@.ci/lint

bench: ## Measure encode, quality, upload, window and queue against their targets (about an hour)
	@.ci/bench
