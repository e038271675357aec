// A loopback server for one folder, under /media/, with byte ranges.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = { '.mpd': 'application/dash+xml', '.ts': 'video/mp2t', '.m3u8': 'application/vnd.apple.mpegurl', '.m4s': 'video/mp4', '.mp4': 'video/mp4', '.jpg': 'image/jpeg' };

export async function serveFolder(folder) {
  const root = path.resolve(folder);
  const server = http.createServer((request, response) => {
    const answer = (status, headers = {}, body = undefined) => { response.writeHead(status, { 'Cache-Control': 'no-store', ...headers }); response.end(body); };
    const { pathname } = new URL(request.url, 'http://localhost');
    const file = path.resolve(root, `.${decodeURIComponent(pathname).replace(/^\/media/, '')}`);
    if (!pathname.startsWith('/media/') || !file.startsWith(root + path.sep)) return answer(404);
    let content;
    try { content = fs.readFileSync(file); } catch { return answer(404); }
    const type = { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'Accept-Ranges': 'bytes' };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (!range) return answer(200, type, content);
    const [start, end] = [+range[1], range[2] ? Math.min(+range[2], content.length - 1) : content.length - 1];
    if (start > end) return answer(416, { 'Content-Range': `bytes */${content.length}` });
    return answer(206, { ...type, 'Content-Range': `bytes ${start}-${end}/${content.length}` }, content.subarray(start, end + 1));
  });
  await new Promise((ready, failed) => { server.on('error', failed); server.listen(0, '127.0.0.1', ready); });
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((closed) => { server.closeAllConnections(); server.close(closed); }),
  };
}
