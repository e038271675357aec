// Opens the preview page in headless Chromium and plays each entry of its rung picker, by the browser's own player or by
// hls.js. Prints one JSON object. usage: node play_preview.mjs TOOLS_FOLDER CHROMIUM URL native|hlsjs
import { requireFrom, withPage } from './chromium.mjs';

const [tools, chromiumPath, url, player] = process.argv.slice(2);
await withPage(tools, chromiumPath, async (page) => {
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
    path: requireFrom(tools).resolve('hls.js/dist/hls.min.js'),
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
});
