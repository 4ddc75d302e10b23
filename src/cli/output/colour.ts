// Colour for tables on a terminal: headings, and the words that say how something is. Added last, to text in which nothing is left that a
// terminal obeys; without it the text is the same.
import { styleText } from 'node:util';
import type { CliIo } from '../io.ts';

type Style = Parameters<typeof styleText>[0];

/**
 * FORCE_COLOR wins (0 and false: never), then NO_COLOR (https://no-color.org), then TERM=dumb, then whether the output is a terminal, as
 * for Node itself.
 */
export function hasColour({ stdout, env }: Pick<CliIo, 'stdout'> & Partial<Pick<CliIo, 'env'>>): boolean {
  if (env === undefined) return false;
  const { FORCE_COLOR: forced, NO_COLOR: refused, TERM: terminal } = env;
  if (forced !== undefined) return !['0', 'false'].includes(forced);
  if (refused !== undefined && refused !== '') return false;
  return terminal !== 'dumb' && stdout.isTTY === true;
}

/** How cells begin. Words of our tables; a name that is one of them is coloured as well, which does no harm. */
const words: readonly (readonly [Style, string])[] = [
  [
    'red',
    'gone|missing|down|refused|rejected|revoked|denied|failed|invalid|NO\\b|ENDED\\b|YES:|strict, but|no proxy|not sent',
  ],
  ['red', 'without a valid|it cannot'],
  ['yellow', 'held|pending|waiting|permissive|plaintext|one-way|legacy|unknown|unseen|starting|ready, |away|outdated'],
  ['green', 'connected|current|done|ready$|strict$|allowed|fine|active|mtls$|valid|intact'],
];
const tones = words.map(([style, begins]) => [style, new RegExp(`^(?:${begins})`)] as const);
const heading = /^[A-Z][A-Z0-9-]*(?: [A-Z0-9-]+)*(?: {2,}[A-Z][A-Z0-9-]*(?: [A-Z0-9-]+)*)*$/;

/** `text`: of tables, with every control character but line feeds escaped. */
export function coloured(text: string): string {
  return text.split('\n').map(colouredLine).join('\n');
}

function colouredLine(line: string): string {
  if (heading.test(line)) return painted('bold', line);
  return line
    .split(/( {2,})/)
    .map((cell) => {
      const style = tones.find(([, begins]) => begins.test(cell))?.[0];
      return style === undefined ? cell : painted(style, cell);
    })
    .join('');
}

function painted(style: Style, text: string): string {
  return styleText(style, text, { validateStream: false });
}
