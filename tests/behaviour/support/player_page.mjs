// A page in headless Chromium that has the origin of a folder of media.
import { refusedAnswers, withPage } from './chromium.mjs';
import { serveFolder } from './serve_folder.mjs';

// The page that all players start from.
export const PLAYER = '<!doctype html><meta charset="utf-8"><video muted playsinline width="640" height="360"></video>';

// Gives `use` a page that holds nothing but a video element, the way to load it anew, the base URL of the folder's files,
// and the answers that were errors.
export async function withPlayerPage(tools, chromiumPath, folder, use) {
  const server = await serveFolder(folder);
  try {
    return await withPage(tools, chromiumPath, async (page) => {
      const refused = refusedAnswers(page);
      const reopen = await openPlayer(page, `${server.origin}/page`);
      return use({ page, reopen, base: `${server.origin}/media/`, refused });
    });
  } finally {
    await server.close();
  }
}

// Opens the page of a player at an address whose origin is that of the media; gives the way to load it anew.
export async function openPlayer(page, address) {
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: PLAYER }));
  const reopen = () => page.goto(address);
  await reopen();
  return reopen;
}
