// `cellwall audit verify`: copies of an audit log, checked without a control plane; `cellwall audit checkpoints`: what to keep elsewhere,
// so that a log whose end was cut off is known by it.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { sizeOf } from '../../audit/audit-files.ts';
import { checkpointText, type SignedCheckpoint } from '../../audit/checkpoint-text.ts';
import { type KeptElsewhere, readKept, type TrailVerdict, trailFiles, verifyTrail } from '../../audit/verify-trail.ts';
import { readSecretFile } from '../../identity/secret-file.ts';
import { verifyStatement } from '../../identity/statement.ts';
import { fromPem } from '../../identity/x509/pem.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { escapeLine } from '../../lib/escape.ts';
import { Redacted } from '../../lib/redacted.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { defaultData } from '../flags/paths.ts';
import { readFile } from '../flags/read-file.ts';
import { readRoots } from '../flags/read-roots.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';

interface VerifyOptions {
  readonly bundle?: string;
  readonly checkpoints?: string;
  readonly data?: string;
}

export function auditVerifyCommand(context: CliContext): Command {
  const command = new Command('verify')
    .summary('verify an audit log, without a control plane')
    .description(
      'Verifies an audit log, or copies of it, without a control plane: that no line was changed, removed, inserted or moved, and, with ' +
        'checkpoints that were kept elsewhere, that its end is there. Exit 3 if not, with file and line; 6 if what was given cannot tell.',
    )
    .argument('[file...]', 'its files, oldest first, or a data directory; default: those of --data')
    .option('--bundle <file>', 'PEM of the roots that were trusted when it was written: signatures are verified')
    .option('--checkpoints <file>', 'what "cellwall audit checkpoints -o json" printed, kept elsewhere')
    .addOption(
      flag('--data <dir>', 'the data directory of the control plane, if it is on this host: seals are verified, too', {
        env: 'CELLWALL_DATA',
        defaultText: '~/.local/state/cellwall',
      }),
    )
    .action(async (paths: string[], options: VerifyOptions, self: Command) => {
      const data = paths.length === 0 ? (options.data ?? defaultData(context)) : undefined;
      const list = () => (paths.length === 0 ? [data ?? ''] : paths).flatMap(filesOf);
      // Copies of another one's log may be verified where a variable names this one's folder.
      const sealed = data ?? (self.getOptionValueSource('data') === 'cli' ? options.data : undefined);
      const bundle = options.bundle === undefined ? undefined : rootsIn(options.bundle);
      const kept = options.checkpoints === undefined ? undefined : keptIn(options.checkpoints);
      const against = bundle === undefined ? undefined : (checkpoint: SignedCheckpoint) => whyNot(checkpoint, bundle);
      const verdict = await settled(list, (files) =>
        verifyTrail({ files, ...defined({ key: sealKeyOf(sealed), against, kept }) }),
      );
      await print(context, formatOf(self), { value: verdict, table: () => told(verdict, bundle !== undefined) });
      if (!verdict.intact) context.finish(3);
      else if (verdict.unseen.length > 0) context.finish(6);
    });
  examples(command, 'audit verify', 'audit verify --bundle roots.pem --checkpoints kept.json audit*.jsonl');
  return prints(
    command,
    object('intact records checkpoints vouched compared unknownKinds unseen faults', 'first last log'),
  );
}

export function auditCheckpointsCommand(context: CliContext): Command {
  const command = new Command('checkpoints')
    .summary('print the last signed checkpoint of every audit log')
    .description(
      'Prints the last signed checkpoint of the audit log of every control plane on the store. Keep them where nobody can change them: ' +
        'with "audit verify --checkpoints", a log whose end was cut off is known by them.',
    )
    .action(async (_options: object, self: Command) => {
      const { checkpoints } = await (await connect(context, self)).auditCheckpoints();
      await print(context, formatOf(self), {
        value: checkpoints,
        table: () =>
          formatTable(
            ['LOG', 'RECORD', 'TIME', 'HASH'],
            checkpoints.map(({ log, number, at, hash }) => [log, String(number), at, hash]),
          ),
      });
    });
  examples(command, 'audit checkpoints -o json > checkpoints.json');
  return prints(addConnectionFlags(command), array('log number hash at protected signature'));
}

/** A log that is written meanwhile, or goes on in another file, is looked at again before it is called broken. */
async function settled(
  list: () => readonly string[],
  verify: (files: readonly string[]) => Promise<TrailVerdict>,
): Promise<TrailVerdict> {
  const sizes = (files: readonly string[]): string => JSON.stringify(files.map((file) => [file, sizeOf(file)]));
  for (let tries = 3; ; tries -= 1) {
    const files = list();
    const before = sizes(files);
    const verdict = await verify(files);
    if (verdict.intact || tries === 0 || sizes(list()) === before) return verdict;
  }
}

function filesOf(path: string): readonly string[] {
  if (!existsSync(path))
    throw new CellwallError('not_found', `there is no ${path}`, {
      hint: 'name its files (audit*.jsonl, in the --data of serve), or that directory',
    });
  if (!statSync(path).isDirectory()) return [path];
  const files = trailFiles(path);
  if (files.length > 0) return files;
  throw new CellwallError('not_found', `there is no audit log in ${path}`, { hint: 'it is in the --data of serve' });
}

function sealKeyOf(data: string | undefined): Redacted<string> | undefined {
  const file = join(data ?? '', 'seal.key');
  return data === undefined || !existsSync(file) ? undefined : new Redacted(readSecretFile(file));
}

function rootsIn(file: string): string {
  const text = readRoots(file);
  try {
    fromPem(text, 'CERTIFICATE');
    return text;
  } catch (cause) {
    throw new CellwallError('invalid_argument', `${file}: ${CellwallError.from(cause).message}`, { cause });
  }
}

function keptIn(file: string): KeptElsewhere {
  try {
    return readKept(readFile(file).toString('utf8'), file);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new CellwallError('invalid_argument', cause.message, {
      hint: 'give what "cellwall audit checkpoints -o json" printed',
      cause,
    });
  }
}

function whyNot(checkpoint: SignedCheckpoint, bundle: string): string | undefined {
  const { protected: header, signature, at } = checkpoint;
  const payload = Buffer.from(checkpointText(checkpoint)).toString('base64url');
  try {
    verifyStatement({
      ...{ kind: 'checkpoint', signed: { protected: header, payload, signature } },
      ...{ bundle, at: Date.parse(at) },
    });
    return undefined;
  } catch (reason) {
    return CellwallError.from(reason).message;
  }
}

function told(verdict: TrailVerdict, signed: boolean): string {
  const { intact, records, first, last, checkpoints, vouched, compared, unknownKinds, unseen, faults } = verdict;
  const span =
    first === undefined || last === undefined
      ? ''
      : `, ${first.number} (${first.time}) to ${last.number} (${last.time})`;
  const ends =
    compared > 0
      ? 'compared with checkpoints that were kept elsewhere'
      : 'not compared with a checkpoint that was kept elsewhere (--checkpoints): whether its end is there is not known';
  const lines = [
    ...faults.map(({ file, line, what }) => `${file}:${line}: ${what}`),
    `${!intact ? 'BROKEN' : unseen.length > 0 ? 'NOT KNOWN' : 'intact'}: ${records} records${span}`,
    ...unseen.map((what) => `not known: ${what}`),
    `${checkpoints} checkpoint${checkpoints === 1 ? '' : 's'} in it, the last one over record ${vouched}; ` +
      `signatures ${signed ? 'verified' : 'not verified (--bundle)'}`,
    ends,
    ...(unknownKinds.length === 0 ? [] : [`of a later version: ${unknownKinds.join(', ')}`]),
  ];
  return lines.map((line) => `${escapeLine(line)}\n`).join('');
}
