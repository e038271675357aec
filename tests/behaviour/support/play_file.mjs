// Plays one media file whole in headless Chromium, without a script. Prints one JSON object.
// usage: node play_file.mjs TOOLS_FOLDER CHROMIUM FILE
import path from 'node:path';
import { withPlayerPage } from './player_page.mjs';

const [tools, chromiumPath, file] = process.argv.slice(2);
await withPlayerPage(tools, chromiumPath, path.dirname(file), async ({ page, base, refused }) => {
  const played = await page.evaluate(play, base + encodeURIComponent(path.basename(file)));
  console.log(JSON.stringify({ ...played, refused }));
});

// Runs in the page.
async function play(url) {
  const PATIENCE_MS = 30000;
  const video = document.querySelector('video');
  let error = '';
  video.src = url;
  video.playbackRate = 4;
  video.play().catch((e) => { error = e.message; });
  let [moved, position] = [performance.now(), -1];
  while (!video.ended && !error) {
    if (video.error) error = video.error.message;
    if (video.currentTime !== position) { position = video.currentTime; moved = performance.now(); }
    if (performance.now() - moved > PATIENCE_MS) error = `stands still at ${position.toFixed(3)} s`;
    await new Promise((done) => { setTimeout(done, 25); });
  }
  return { error, played_to: video.currentTime, duration: video.duration, shown: [video.videoWidth, video.videoHeight], audio_bytes: video.webkitAudioDecodedByteCount };
}
