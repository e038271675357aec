// Opens the preview page in headless Chromium and plays each entry of its rung picker, by the browser's own player or by
// hls.js. Prints one JSON object. usage: node play_preview.mjs TOOLS_FOLDER CHROMIUM URL native|hlsjs
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const [tools, chromiumPath, url, player] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(tools), 'package.json'));
const { chromium } = require('playwright-core');

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'reelpress-chromium-'));
let context;
try {
  context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
      '--disable-background-networking', '--disable-component-update', '--autoplay-policy=no-user-gesture-required',
      '--mute-audio'],
  });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('response', (answer) => { if (answer.status() >= 400) problems.push(`${answer.status()} ${answer.url()}`); });
  if (player === 'hlsjs') {
    await page.addInitScript(() => {
      const { canPlayType } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.canPlayType = function (type) {
        return type.includes('mpegurl') ? '' : canPlayType.call(this, type);
      };
    });
  }
  // The file of the package, as the CDN has it; the browser compares it with the hash in the page.
  await page.route('https://cdn.jsdelivr.net/**', (route) => route.fulfill({
    path: require.resolve('hls.js/dist/hls.min.js'),
    contentType: 'text/javascript',
    headers: { 'access-control-allow-origin': '*' },
  }));
  await page.goto(url);
  await page.waitForFunction(() => document.querySelectorAll('#rung option').length > 1);
  const entries = await page.$$eval('#rung option', (options) => options.map(({ value, text }) => ({ value, text })));
  for (const entry of entries) {
    await page.evaluate(() => { document.getElementById('video').currentTime = 0; });
    await page.selectOption('#rung', entry.value);
    const moves = () => {
      const video = document.getElementById('video');
      return !video.paused && video.currentTime > 0.5 && video.readyState >= 3;
    };
    await page.waitForFunction(moves, undefined, { timeout: 30000 }).catch((error) => problems.push(`${entry.text}: ${error}`));
    Object.assign(entry, await page.$eval('#video', (video) => (
      { shown: [video.videoWidth, video.videoHeight], audio_bytes: video.webkitAudioDecodedByteCount })));
  }
  const playerName = await page.textContent('#player');
  console.log(JSON.stringify({ entries, problems, player: playerName }));
} finally {
  await context?.close();
  fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
