// What the demo prints: one line an evidence, readable in a terminal and in a log.
export interface Tell {
  heading(text: string): void;
  /** Something that held, with its evidence. */
  held(what: string, evidence?: string): void;
  note(text: string): void;
  /** As it is. */
  show(text: string): void;
  failed(text: string): void;
}

export interface TellOptions {
  readonly write: (text: string) => void;
  readonly color: boolean;
}

const column = 46;

export function createTell({ write, color }: TellOptions): Tell {
  const paint = (code: number, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    heading: (text) => write(`\n${paint(1, text)}\n`),
    held: (what, evidence) =>
      write(`  ${paint(32, '✓')} ${evidence === undefined ? what : `${what.padEnd(column)} ${paint(2, evidence)}`}\n`),
    note: (text) => write(`  ${paint(2, text)}\n`),
    show: (text) => write(`\n${text.trimEnd()}\n`),
    failed: (text) => write(`  ${paint(31, '✗')} ${text.replaceAll('\n', '\n    ')}\n`),
  };
}
