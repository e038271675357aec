// Plays an HLS stream in headless Chromium: every level whole, by hls.js, then by the browser itself. Prints one JSON
// object. usage: node play_hls.mjs TOOLS_FOLDER CHROMIUM FOLDER|URL-of-multivariant-playlist
import fs from 'node:fs';
import { refusedAnswers, requireFrom, withPage } from './chromium.mjs';
import { openPlayer } from './player_page.mjs';
import { serveFolder } from './serve_folder.mjs';

const [tools, chromiumPath, target] = process.argv.slice(2);
const hlsScript = fs.readFileSync(requireFrom(tools).resolve('hls.js/dist/hls.js'), 'utf8');

const server = /^https?:/.test(target) ? undefined : await serveFolder(target);
const url = server ? `${server.origin}/media/master.m3u8` : target;
try {
  await withPage(tools, chromiumPath, async (page) => {
    const refused = refusedAnswers(page);
    // The player is a page of the same origin as the stream, so that a bucket needs no rules for other origins.
    const reopen = await openPlayer(page, new URL('/player', url).href);
    await page.addScriptTag({ content: hlsScript });
    const hls = await page.evaluate(playEveryLevel, url);
    await reopen();
    const native = await page.evaluate(playNatively, url);
    console.log(JSON.stringify({ hls, native, refused }));
  });
} finally {
  await server?.close();
}

// Runs in the page.
async function playEveryLevel(url) {
  const PATIENCE_MS = 30000;
  const result = { errors: [], stalls: 0, levels: [], duration: 0, live: false, audio_bytes: 0, switching: '' };

  // One player with its own video element, held at one level. Says `changes` when its level is going to be changed.
  function player(levelIndex, { changes } = { changes: false }) {
    const old = document.querySelector('video');
    const video = old.cloneNode();
    old.replaceWith(video);
    // hls.js mends holes and overlaps while it appends and says so only in its log.
    const notice = (...words) => {
      const gap = /(\d+) ms .*(?:hole|overlapping) between fragments|due to (\d+) ms gap/.exec(words.join(' '));
      if (gap && +(gap[1] ?? gap[2]) > 50) result.errors.push(`mended: ${words.join(' ').slice(0, 200)}`);
    };
    const silent = () => {};
    const hls = new Hls({ debug: { trace: silent, debug: silent, log: silent, info: silent, warn: notice, error: notice },
      enableWorker: false, capLevelToPlayerSize: false, maxBufferLength: 12, startLevel: levelIndex });
    let fatal = false;
    hls.on(Hls.Events.ERROR, (_, data) => {
      // A stall says that this machine is slow, an abort that a level was changed on purpose.
      if (!data.fatal && data.details === 'bufferStalledError') { result.stalls += 1; return; }
      if (!data.fatal && data.details === 'aborted') return;
      // A change of level throws away what was just appended.
      if (!data.fatal && changes && data.details === 'bufferAppendNoProgress') return;
      fatal ||= data.fatal;
      result.errors.push(`${data.details} ${data.reason ?? data.error?.message ?? ''} ${data.frag?.relurl ?? ''}`.trim());
    });
    hls.on(Hls.Events.MANIFEST_PARSED, () => { hls.currentLevel = levelIndex; });
    hls.on(Hls.Events.LEVEL_LOADED, (_, data) => { result.live ||= data.details.live; });
    video.addEventListener('error', () => { fatal = true; result.errors.push(`media element: ${video.error?.message}`); });
    // Waits until `reached` is true; gives up only when nothing moves any more. Gives the reason, or ''.
    const until = async (what, reached) => {
      let moved = performance.now();
      let position = -1;
      while (!reached()) {
        if (fatal) return `${what}: an error ended it`;
        if (video.currentTime !== position) { position = video.currentTime; moved = performance.now(); }
        if (performance.now() - moved > PATIENCE_MS) return `${what}: stands still at ${position.toFixed(3)} s`;
        await new Promise((done) => { setTimeout(done, 25); });
      }
      return '';
    };
    const play = () => { video.play().catch((e) => result.errors.push(`play(): ${e.message}`)); };
    hls.attachMedia(video);
    hls.loadSource(url);
    return { hls, video, until, play };
  }

  async function playLevel(index) {
    const { hls, video, until, play } = player(index);
    const seen = [];
    const ended = () => {
      for (let i = 0; i < video.buffered.length; i += 1) seen.push([video.buffered.start(i), video.buffered.end(i)]);
      return video.ended;
    };
    let problem = await until('loading', () => video.readyState >= 2);
    video.playbackRate = 4;
    if (!problem) play();
    problem ||= await until('playing to the end', ended);
    const holes = [];
    let reached = 0;
    for (const [start, end] of seen.sort((a, b) => a[0] - b[0])) {
      if (start - reached > 0.1) holes.push([reached, start]);
      reached = Math.max(reached, end);
    }
    const level = hls.levels[index];
    const declared = level ? [level.width, level.height] : [0, 0];
    result.levels.push({ declared, shown: [video.videoWidth, video.videoHeight], problem, holes, played_to: video.currentTime });
    result.duration = video.duration;
    result.audio_bytes = video.webkitAudioDecodedByteCount;
    const count = hls.levels.length;
    hls.destroy();
    return count;
  }

  const count = await playLevel(0);
  for (let index = 1; index < count; index += 1) await playLevel(index);

  // A viewer's network gets better and worse: every level in turn without starting again, from the middle on.
  const { hls, video, until, play } = player(0, { changes: true });
  result.switching = await until('loading', () => video.readyState >= 2);
  for (let index = count - 1; index >= 0 && !result.switching; index -= 1) {
    hls.currentLevel = index;
    video.currentTime = video.duration / 2;
    play();
    const { width, height } = hls.levels[index];
    // On a slow machine the end comes before the new level does.
    let repeats = 0;
    const again = () => { repeats += 1; video.currentTime = video.duration / 2; play(); };
    const shows = () => (video.ended && repeats < 5 ? again() : true) && !video.seeking && video.videoWidth === width && video.videoHeight === height && video.currentTime > video.duration / 2 + 0.2;
    result.switching = await until(`switching to level ${index}`, shows);
  }
  hls.destroy();
  return result;
}

// Runs in the page.
async function playNatively(url) {
  const video = document.querySelector('video');
  const result = { can_play: video.canPlayType('application/vnd.apple.mpegurl'), error: '', played_to: 0, duration: 0, shown: [0, 0] };
  video.src = url;
  video.play().catch((e) => { result.error = e.message; });
  for (let waited = 0; waited < 1200 && video.currentTime < 1 && !video.error && !result.error; waited += 1) {
    await new Promise((done) => { setTimeout(done, 25); });
  }
  if (video.error) result.error = video.error.message;
  Object.assign(result, { played_to: video.currentTime, duration: video.duration || 0, shown: [video.videoWidth, video.videoHeight] });
  return result;
}
