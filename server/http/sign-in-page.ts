/** The pages of signing in and out, without scripts, and their style, which the content security policy wants apart. */
import { escapeHtml } from './html.ts';

/** Where the style lies. */
export const STYLE_PATH = '/sign-in.css';

/** What is told on the page that asks for a token. */
export interface Asked {
  /** The path that one is led to afterwards, on this server. */
  readonly to: string;
  /** What was wrong with the last try; null before one. */
  readonly wrong: string | null;
  /** After so many seconds the page asks by itself whether it may show `to`; null where somebody is there to do so. */
  readonly asksAgainAfter: number | null;
}

/** The page that asks for a token. */
export function signInPage({ to, wrong, asksAgainAfter }: Asked): string {
  const again =
    asksAgainAfter === null ? '' : `<meta http-equiv="refresh" content="${asksAgainAfter};url=${escapeHtml(to)}">`;
  const alert = wrong === null ? '' : `<p class="wrong" id="wrong" role="alert">${escapeHtml(wrong)}</p>`;
  const invalid = wrong === null ? '' : ' aria-invalid="true" aria-describedby="wrong"';
  return page(
    'Sign in',
    again,
    `<form method="post" action="/sign-in">
<h1>AlphaPulse</h1>
<p>This dashboard needs a token. Whoever runs it gives you one, or a link with it.</p>
${alert}<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autocapitalize="none" spellcheck="false" required autofocus${invalid}>
<input name="to" type="hidden" value="${escapeHtml(to)}">
<button type="submit">Sign in</button>
</form>`,
  );
}

/** The page that asks whether one wants to sign out. */
export function signOutPage(): string {
  return page(
    'Sign out',
    '',
    `<form method="post" action="/sign-out">
<h1>AlphaPulse</h1>
<p>Signing out takes the token's cookie from this browser. The token itself stays valid.</p>
<button type="submit">Sign out</button>
<p><a href="/">Back to the dashboard</a></p>
</form>`,
  );
}

/** A page that leads on to an address of this server. */
export function leadingOnPage(to: string): string {
  const address = escapeHtml(to);
  return page(
    'AlphaPulse',
    `<meta http-equiv="refresh" content="0;url=${address}">`,
    `<p><a href="${address}">Go on</a></p>`,
  );
}

function page(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} - AlphaPulse</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<link rel="stylesheet" href="${STYLE_PATH}">
<link rel="icon" href="data:,">
${head}
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

/** The colours are the dashboard's own. */
export const STYLE = `:root {
  color-scheme: dark light;
  --background: #0d1115;
  --panel: #13191f;
  --line: #55636f;
  --text: #e8edf1;
  --second: #a9b7c2;
  --accent: #62b0f0;
  --on-accent: #0d1115;
  --wrong: #f47c57;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
@media (prefers-color-scheme: light) {
  :root {
    --background: #eef1f3;
    --panel: #ffffff;
    --line: #76838e;
    --text: #10181f;
    --second: #46545f;
    --accent: #0b67b0;
    --on-accent: #ffffff;
    --wrong: #b83a12;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  padding: 16px;
  background: var(--background);
  color: var(--text);
}
main { width: 100%; max-width: 380px; padding: 24px; background: var(--panel); border-radius: 10px; }
form { display: grid; gap: 12px; }
h1 { margin: 0; font-size: 22px; line-height: 1.3; }
p { margin: 0; color: var(--second); }
p.wrong { color: var(--wrong); font-weight: 600; }
label { font-weight: 600; }
input, button { width: 100%; min-height: 44px; padding: 8px 12px; border-radius: 8px; font: inherit; }
input[type="hidden"] { display: none; }
input { border: 1px solid var(--line); background: var(--background); color: var(--text); }
input[aria-invalid] { border-color: var(--wrong); }
button { border: 0; background: var(--accent); color: var(--on-accent); font-weight: 600; cursor: pointer; }
a { display: inline-block; min-height: 44px; padding: 10px 0; color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;
