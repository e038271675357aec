// Loads an HLS stream in headless Chromium with hls.js and prints the cues of each subtitle track as JSON.
// usage: node read_cues.mjs TOOLS_FOLDER CHROMIUM FOLDER
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { serveFolder } from './serve_folder.mjs';

const PLAYER = '<!doctype html><meta charset="utf-8"><video muted playsinline width="640" height="360"></video>';

const [tools, chromiumPath, folder] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(tools), 'package.json'));
const { chromium } = require('playwright-core');
const hlsScript = fs.readFileSync(require.resolve('hls.js/dist/hls.js'), 'utf8');

const server = await serveFolder(folder);
const playerPage = `${server.origin}/player`;
const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'reelpress-chromium-'));
let context;
try {
  context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    // A page that is not loaded over a network could not reach a key server on this computer.
    args: ['--headless', '--disable-features=LocalNetworkAccessChecks', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
      '--disable-background-networking', '--disable-component-update', '--autoplay-policy=no-user-gesture-required',
      '--mute-audio'],
  });
  const page = await context.newPage();
  await page.route(playerPage, (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: PLAYER }));
  await page.goto(playerPage);
  await page.addScriptTag({ content: hlsScript });
  console.log(JSON.stringify(await page.evaluate(readAllTracks, `${server.origin}/media/master.m3u8`)));
} finally {
  await context?.close();
  await server.close();
  fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

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
