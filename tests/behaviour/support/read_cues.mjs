// Loads an HLS stream in headless Chromium with hls.js and prints the cues of each subtitle track as JSON.
// usage: node read_cues.mjs TOOLS_FOLDER CHROMIUM FOLDER
import fs from 'node:fs';
import { requireFrom } from './chromium.mjs';
import { withPlayerPage } from './player_page.mjs';

const [tools, chromiumPath, folder] = process.argv.slice(2);
const hlsScript = fs.readFileSync(requireFrom(tools).resolve('hls.js/dist/hls.js'), 'utf8');
await withPlayerPage(tools, chromiumPath, folder, async ({ page, base }) => {
  await page.addScriptTag({ content: hlsScript });
  console.log(JSON.stringify(await page.evaluate(readAllTracks, `${base}master.m3u8`)));
});

// Runs in the page.
async function readAllTracks(url) {
  const video = document.querySelector('video');
  const hls = new Hls({ enableWorker: false, maxBufferLength: 60 });
  const errors = [];
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal || /subtitle|text/i.test(data.details)) errors.push(`${data.details} ${data.error?.message ?? ''}`);
  });
  // The default track is loaded before anybody chooses.
  const processed = {};
  const segments = {};
  hls.on(Hls.Events.SUBTITLE_FRAG_PROCESSED, (_, data) => { if (data.success) (processed[data.frag.level] ??= new Set()).add(data.frag.sn); });
  hls.on(Hls.Events.SUBTITLE_TRACK_LOADED, (_, data) => { segments[data.id] = data.details.fragments.length; });
  hls.attachMedia(video);
  hls.loadSource(url);
  const until = async (reached) => {
    for (let waited = 0; waited < 1200 && !reached(); waited += 1) await new Promise((done) => { setTimeout(done, 25); });
  };
  await until(() => video.readyState >= 2);
  const tracks = [];
  for (const { id, name, lang, forced, default: isDefault } of hls.allSubtitleTracks) {
    hls.subtitleTrack = id;
    hls.subtitleDisplay = true;
    await until(() => segments[id] > 0 && processed[id]?.size >= segments[id]);
    const shown = [...video.textTracks].find((track) => track.mode === 'showing' || track.mode === 'hidden');
    const cues = [...(shown?.cues ?? [])].map((cue) => ({ start: cue.startTime, end: cue.endTime, text: cue.text }));
    tracks.push({ name, language: lang ?? '', forced, is_default: isDefault, segments: segments[id] ?? 0, cues });
  }
  hls.destroy();
  return { tracks, errors };
}
