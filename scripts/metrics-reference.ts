// Makes docs/metrics.md, the reference of what is exported to Prometheus, from the metrics themselves: names, types, labels and their
// values are read from what a scrape would get. scripts/reference.ts writes it; a test compares.

import { caKinds, certificateKinds } from '../src/lib/countdown.ts';
import { limitCodes } from '../src/limits/reason.ts';
import { createMetrics } from '../src/observe/metrics.ts';
import { typeUrls } from '../src/xds/resources/type-url.ts';

/** What a scrape does not tell. A metric without a line here, or a line without its metric, fails. */
const advice: Readonly<Record<string, { readonly unit: string; readonly alert: string }>> = {
  cellwall_streams: { unit: 'streams', alert: 'it falls below the number of sidecars that should run, for minutes' },
  cellwall_pushes_total: { unit: 'responses', alert: '–; if it grows without any change, something flaps' },
  cellwall_nacks_total: {
    unit: 'responses',
    alert: '`increase(…[10m]) > 0`: an Envoy rejected its configuration; `cellwall status` shows why',
  },
  cellwall_snapshot_revision: { unit: 'revision', alert: '–; the revision of `cellwall history` that is in force' },
  cellwall_document_problems: {
    unit: 'problems',
    alert: 'above 0 for longer than an edit takes; `cellwall status` shows the lines',
  },
  cellwall_changes_held_total: {
    unit: 'changes',
    alert: '–; `cellwall status` shows edits that wait, docs/limits.md how they are confirmed',
  },
  cellwall_svids_issued_total: {
    unit: 'certificates',
    alert: 'no increase within the lifetime of a certificate while sidecars are connected: nobody renews',
  },
  cellwall_access_log_unreadable_total: {
    unit: 'entries',
    alert: '`increase(…[10m]) > 0`: a proxy sends what no Envoy would send; the gate of its service says since when',
  },
  cellwall_resolves_total: {
    unit: 'states',
    alert:
      '–; if it grows although nobody changes documents, something keeps requesting trials (`apply --dry-run`, `diff`, `simulate`)',
  },
  cellwall_store_stale: {
    unit: '0 or 1',
    alert: '1 for minutes: `cellwall status` says why the store cannot be reached; nothing can be changed until it can',
  },
  cellwall_store_read_only: {
    unit: '0 or 1',
    alert: '1 for minutes: `cellwall status` says why the store refuses writes',
  },
  cellwall_store_isolated: {
    unit: '0 or 1',
    alert:
      '1: the network between this one and Redis is broken; sidecars with several `--server` are at the others ' +
      '(docs/operations.md)',
  },
  cellwall_ca_expires_in_seconds: {
    unit: 'seconds',
    alert:
      'below a third of the lifetime (a quarter for `kind="intermediate"`, which is replaced by itself before): `cellwall status` says ' +
      'what to do; rules: deploy/prometheus/cellwall.rules.yml',
  },
  cellwall_ca_lifetime_seconds: { unit: 'seconds', alert: '–; what the time above is compared with' },
  cellwall_certificate_expires_in_seconds: {
    unit: 'seconds',
    alert: 'below a quarter of the lifetime: it was not renewed; `cellwall status` says what to do',
  },
  cellwall_certificate_lifetime_seconds: { unit: 'seconds', alert: '–; what the time above is compared with' },
  cellwall_root_rotation_phase_seconds: {
    unit: 'seconds',
    alert: 'above a day: somebody holds it up; `cellwall ca status` says who (docs/root-rotation.md)',
  },
  cellwall_root_rotation_held_up_by: { unit: 'hold-ups', alert: '–; the time above shows whether it persists' },
  cellwall_followers: {
    unit: 'control planes',
    alert: 'less than the cells with a `controlPlane`: one is cut off, or down',
  },
  cellwall_parent_connected: {
    unit: '0 or 1',
    alert: '0 for minutes: the cell is cut off; its intermediate lasts 45 days at least',
  },
  cellwall_parent_revision: { unit: 'revision', alert: '–' },
  cellwall_parent_replaced: {
    unit: 'documents',
    alert: 'it grows: somebody changes here what the parent changes too; `cellwall status` names them',
  },
  cellwall_direct_edits_waiting: {
    unit: 'documents',
    alert: 'above 0: somebody wrote into the store what waits for approval; `cellwall waiting` shows it',
  },
  cellwall_last_good_revision: {
    unit: 'revision',
    alert: '–; it follows the revision in force after `serve --soak-seconds`, unless proxies reject something',
  },
  cellwall_last_good_started: {
    unit: '0 or 1',
    alert: '1: `cellwall status` says which documents are not in force (docs/limits.md)',
  },
  cellwall_endpoints_held: {
    unit: 'endpoints',
    alert: 'above 0: many proxies disappeared at once; the log says how many, `cellwall status` which (docs/limits.md)',
  },
  cellwall_publisher_published_sequence: {
    unit: 'sequence',
    alert: 'it differs between places for several minutes: one of them still has the earlier roots',
  },
  cellwall_publisher_confirmed_age_seconds: {
    unit: 'seconds',
    alert: 'above 300: that place does not have the roots in force, or cannot be read; `cellwall status` says why',
  },
  cellwall_publisher_failures_total: { unit: 'attempts', alert: '–; the age above shows whether it persists' },
  cellwall_publisher_drifts_total: {
    unit: 'times',
    alert: '`increase(…[1h]) > 0`: somebody else writes there, and for a while chose whom consumers trust',
  },
  cellwall_foreign_bundle_roots: {
    unit: 'roots',
    alert: '0: its callers are refused; `cellwall status` says why (docs/federation.md)',
  },
  cellwall_foreign_bundle_age_seconds: {
    unit: 'seconds',
    alert:
      'above three times its refresh hint: a new root of the other side is not known here, and its callers will be refused',
  },
  cellwall_foreign_bundle_failures_total: { unit: 'attempts', alert: '–; the age above shows whether it persists' },
  cellwall_translations_total: {
    unit: 'translations',
    alert: '–; if it is far more than the proxies affected by changes, something keeps changing what all of them have',
  },
  cellwall_resources_made_total: { unit: 'resources', alert: '–' },
  cellwall_lints_total: { unit: 'resources', alert: '–' },
  cellwall_documents_resolved_total: {
    unit: 'documents',
    alert: '–; as many as there are with every change: something edits the Mesh, a Cell or a Workload all the time',
  },
  cellwall_files_parsed_total: {
    unit: 'texts',
    alert: '–; grows without anybody changing documents: a file is written again and again',
  },
  cellwall_apply_seconds: {
    unit: 'seconds',
    alert: '`histogram_quantile(0.99, rate(cellwall_apply_seconds_bucket[10m])) > 1`: the control plane is overloaded',
  },
};

const ofProcess: Readonly<Record<string, string>> = {
  process_resident_memory_bytes: 'memory; alert when it approaches the limit of its container',
  process_cpu_seconds_total: 'CPU, mostly of one thread: a rate near 1 is its limit',
  process_open_fds: 'open files and connections; alert at 80 % of `process_max_fds`',
  nodejs_eventloop_lag_p99_seconds:
    'how late pending work is handled; above 0.5 for minutes: the control plane is overloaded',
};

interface Exported {
  readonly type: string;
  readonly help: string;
  readonly labels: Map<string, Set<string>>;
}

export async function metricsReference(): Promise<string> {
  const metrics = createMetrics();
  for (const typeUrl of Object.values(typeUrls)) {
    metrics.pushed(typeUrl);
    metrics.nacked(typeUrl);
  }
  for (const code of limitCodes) metrics.changeHeld(code);
  metrics.applied(1);
  metrics.watchCa(
    () => ({
      countdowns: [...caKinds, ...certificateKinds].map((kind) => ({ kind, name: 'NAME', notBefore: 0, notAfter: 0 })),
    }),
    () => 0,
  );
  metrics.watchPublishers(() => [{ name: 'directory:/srv/trust', sequence: 1, failures: 0, drifts: 0 }], Date.now);
  const foreign = { trustDomain: 'partner.example', url: 'https://partner.example', roots: 1, failures: 0 };
  metrics.watchForeignBundles(() => [foreign], Date.now);
  metrics.watchStore({});
  metrics.watchEndpoints(() => 0);
  metrics.watchIsolation(() => false);
  metrics.watchFollowing({
    parent: () => ({ connected: true, revision: 1, replaced: { count: 0 } }),
    followers: () => 0,
  });
  const exported = parse(await metrics.text());
  const own = [...exported].filter(([name]) => name.startsWith('cellwall_'));
  const [there, told] = [own.map(([name]) => name), Object.keys(advice)];
  const unlike = [...there.filter((name) => !told.includes(name)), ...told.filter((name) => !there.includes(name))];
  unlike.push(...Object.keys(ofProcess).filter((name) => !exported.has(name)));
  if (unlike.length > 0) throw new Error(`scripts/metrics-reference.ts and the metrics differ: ${unlike.join(', ')}`);
  return [
    '# Metrics',
    '',
    'Generated by `npm run reference` from the metrics themselves. The control plane exports them as `GET ' +
      '/metrics` of its admin port: from this host without a token,',
    'from elsewhere with the admin token (`authorization: Bearer …`). Names, types and labels are stable. No label ' +
      'contains a proxy, a service or anything that a caller chooses, so that their',
    'number is bounded (a `publisher` is one of `--publish`); for single proxies and services see `cellwall status -o json`.',
    '',
    '| metric | type | unit | labels | meaning | alert when |',
    '|---|---|---|---|---|---|',
    ...own.map(([name, { type, help, labels }]) =>
      row([`\`${name}\``, type, advice[name]?.unit ?? '', labelsText(labels), help, advice[name]?.alert ?? '']),
    ),
    '',
    'Counters begin at 0 at every start. A histogram has `_bucket` (label `le`), `_sum` and `_count`.',
    '',
    '## The process\n\nWhat `prom-client` exports for every Node process: `process_*` and `nodejs_*`. Worth watching:',
    '',
    '| metric | look at |',
    '|---|---|',
    ...Object.entries(ofProcess).map(([name, what]) => row([`\`${name}\``, what])),
    '',
    'What else is worth an alert: [operations.md](operations.md#what-to-look-at).',
    '',
  ].join('\n');
}

/** The text format of Prometheus, as far as it is used: comments, and samples with labels. */
function parse(text: string): ReadonlyMap<string, Exported> {
  const found = new Map<string, Exported>();
  const help = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') help.set(name, rest);
    if (kind === 'TYPE') found.set(name, { type: rest, help: help.get(name) ?? '', labels: new Map() });
    const [, sample = '', pairs = ''] = /^([a-z_0-9]+)\{(.*)\} /i.exec(line) ?? [];
    const { labels } = found.get(sample) ?? {};
    for (const [, label = '', value = ''] of pairs.matchAll(/([a-z_]+)="([^"]*)"/g)) {
      labels?.set(label, (labels.get(label) ?? new Set()).add(value));
    }
  }
  return found;
}

function labelsText(labels: Exported['labels']): string {
  if (labels.size === 0) return '–';
  return [...labels].map(([name, values]) => `\`${name}\`: ${[...values].join(', ')}`).join('; ');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
