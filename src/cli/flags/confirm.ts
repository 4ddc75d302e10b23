// `--confirm`, for every command that changes documents: codes of the reasons for which a change is held.
import { InvalidArgumentError, Option } from 'commander';

/** Repeatable, or several separated by commas: a list of words would swallow the arguments after it. */
export function confirmFlag(): Option {
  return new Option(
    '--confirm <code>',
    'make a change that is held (it deletes much at once, grows too much, or empties a selector): the code of the reason, ' +
      'or several with commas; written to the audit log',
  ).argParser((text: string, before: readonly string[] = []) => [...before, ...codesOf(text)]);
}

function codesOf(text: string): readonly string[] {
  const codes = text.split(',');
  if (codes.every((code) => /^[a-z-]{1,40}$/.test(code))) return codes;
  throw new InvalidArgumentError('codes of reasons, as the refusal shows them: mass-deletion');
}
