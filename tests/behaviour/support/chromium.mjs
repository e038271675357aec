// Headless Chromium with a profile of its own, which goes when it is closed.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update', '--autoplay-policy=no-user-gesture-required',
  // A page that is not loaded over a network could not reach a server on this computer.
  '--disable-features=LocalNetworkAccessChecks', '--mute-audio'];

// Finds packages in `tools`, the folder that has node_modules.
export function requireFrom(tools) {
  return createRequire(path.join(path.resolve(tools), 'package.json'));
}

// Gives `use` a page, and closes the browser when that is done or has failed.
export async function withPage(tools, executablePath, use) {
  const { chromium } = requireFrom(tools)('playwright-core');
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'reelpress-chromium-'));
  let context;
  try {
    context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ARGUMENTS });
    return await use(await context.newPage());
  } finally {
    await context?.close();
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

// The answers of servers that are errors, as they come.
export function refusedAnswers(page) {
  const refused = [];
  page.on('response', (answer) => {
    if (answer.status() >= 400 && !answer.url().endsWith('/favicon.ico')) refused.push(`${answer.status()} ${answer.url()}`);
  });
  return refused;
}
