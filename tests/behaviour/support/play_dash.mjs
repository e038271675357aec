// Plays a DASH presentation in headless Chromium: every video representation in a codec
// that the browser knows, whole, by Shaka Player and by dash.js.
// Prints one JSON object. usage: node play_dash.mjs TOOLS_FOLDER CHROMIUM FOLDER-with-manifest.mpd
import fs from 'node:fs';
import path from 'node:path';
import { withPlayerPage } from './player_page.mjs';

const SCRIPTS = { shaka: 'shaka-player/dist/shaka-player.compiled.js', dashjs: 'dashjs/dist/modern/umd/dash.all.min.js' };

const [tools, chromiumPath, folder] = process.argv.slice(2);
await withPlayerPage(tools, chromiumPath, folder, async ({ page, reopen, base, refused }) => {
  const players = {};
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await reopen();
    await page.addScriptTag({ content: fs.readFileSync(path.join(tools, 'node_modules', script), 'utf8') });
    players[name] = await page.evaluate(playEveryRepresentation, [name, `${base}manifest.mpd`]);
  }
  console.log(JSON.stringify({ ...players, refused }));
});

// Runs in the page.
async function playEveryRepresentation([name, url]) {
  const PATIENCE_MS = 30000;
  const manifest = new DOMParser().parseFromString(await (await fetch(url)).text(), 'text/xml');
  const isPlayable = (r) => MediaSource.isTypeSupported(`video/mp4; codecs="${r.getAttribute('codecs')}"`);
  const wanted = [...manifest.querySelectorAll('Representation')].filter((r) => r.hasAttribute('width') && isPlayable(r))
    .map((r) => ({ id: r.id, declared: [+r.getAttribute('width'), +r.getAttribute('height')] }));
  const result = { errors: [], representations: [], duration: 0, audio_bytes: 0 };
  const fail = (what) => { result.errors.push(String(what)); };

  async function openShaka(video, id) {
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    player.addEventListener('error', (event) => fail(`${event.detail.category}.${event.detail.code}`));
    player.addEventListener('gapjumped', () => fail('a gap was jumped'));
    player.configure({ abr: { enabled: false }, streaming: { bufferingGoal: 12 } });
    await player.attach(video);
    await player.load(url);
    if (player.isLive()) fail('the finished presentation looks live to the player');
    player.selectVariantTrack(player.getVariantTracks().find((track) => track.originalVideoId === id), true);
    return () => player.destroy();
  }

  async function openDashjs(video, id) {
    const player = dashjs.MediaPlayer().create();
    player.on('error', (event) => fail(`${event.error?.code} ${event.error?.message}`));
    player.on('gapCausedInternalSeek', () => fail('a gap was jumped'));
    const quiet = { autoSwitchBitrate: { video: false, audio: false }, limitBitrateByPortal: false };
    player.updateSettings({ debug: { logLevel: 0 }, streaming: { abr: quiet, buffer: { fastSwitchEnabled: true } } });
    const ready = new Promise((done) => { player.on('streamInitialized', done); });
    player.initialize(video, url, false);
    await ready;
    player.setRepresentationForTypeById('video', id, true);
    return () => player.destroy();
  }

  for (const { id, declared } of wanted) {
    const old = document.querySelector('video');
    const video = old.cloneNode();
    old.replaceWith(video);
    video.addEventListener('error', () => fail(`media element: ${video.error?.message}`));
    const closePlayer = await (name === 'shaka' ? openShaka : openDashjs)(video, id);
    video.playbackRate = 4;
    video.play().catch((error) => fail(`play(): ${error.message}`));
    let [moved, position, shown] = [performance.now(), -1, [0, 0]];
    // A player that is slow to close its source may leave an element at its end that does not say so.
    const isAtEnd = () => video.ended || video.currentTime >= video.duration;
    while (!isAtEnd() && !result.errors.length) {
      if (video.currentTime !== position) { position = video.currentTime; moved = performance.now(); }
      if (performance.now() - moved > PATIENCE_MS) { fail(`${id} stands still at ${position.toFixed(3)} s`); break; }
      await new Promise((done) => { setTimeout(done, 25); });
    }
    shown = [video.videoWidth, video.videoHeight];
    result.representations.push({ id, declared, shown, played_to: video.currentTime });
    result.duration = video.duration;
    result.audio_bytes = video.webkitAudioDecodedByteCount;
    await closePlayer();
  }
  return result;
}
