// A wrong use of a bench ends it.

export function wrong(what: string): never {
  process.stderr.write(`bench: ${what}\n`);
  process.exit(2);
}
