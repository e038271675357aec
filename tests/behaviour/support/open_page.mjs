// An empty page in headless Chromium that has the origin of a folder of media, and the way to close all of it.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { serveFolder } from './serve_folder.mjs';

// `tools` is the folder with node_modules; gives the page and the base URL of the folder's files.
export async function openPage(tools, chromiumPath, folder, html) {
  const require = createRequire(path.join(path.resolve(tools), 'package.json'));
  const { chromium } = require('playwright-core');
  const server = await serveFolder(folder);
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'reelpress-chromium-'));
  let context;
  const close = async () => {
    await context?.close();
    await server.close();
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: chromiumPath,
      headless: true,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
        '--disable-background-networking', '--disable-component-update', '--autoplay-policy=no-user-gesture-required',
        '--mute-audio'],
    });
    const page = await context.newPage();
    const refused = [];
    page.on('response', (r) => { if (r.status() >= 400 && !r.url().endsWith('/favicon.ico')) refused.push(`${r.status()} ${r.url()}`); });
    const address = `${server.origin}/page`;
    await page.route(address, (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: html }));
    const reopen = () => page.goto(address);
    await reopen();
    return { page, reopen, base: `${server.origin}/media/`, refused, close };
  } catch (error) {
    await close();
    throw error;
  }
}
