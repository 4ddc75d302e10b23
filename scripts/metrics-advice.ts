// What a scrape does not tell of each metric: its unit, and when it is worth an alert. scripts/metrics-reference.ts puts it into
// docs/metrics.md.

/** A metric without a line here, or a line without its metric, fails. */
export const advice: Readonly<Record<string, { readonly unit: string; readonly alert: string }>> = {
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
  cellwall_store_lag_seconds: {
    unit: 'seconds',
    alert:
      'changes of the last minutes that took over 10 s: this control plane enforces later than others, or than the files say ' +
      '(docs/runbook.md)',
  },
  cellwall_proxy_config_age_max_seconds: { unit: 'seconds', alert: '–; the same for all, where no names are wanted' },
  cellwall_proxies_behind: {
    unit: 'proxies',
    alert: '–; many at once: the control plane or the network, not the proxies',
  },
  cellwall_proxies_withheld: {
    unit: 'proxies',
    alert: 'above 0: what is in force does not hold there; `cellwall status` says why it was not sent',
  },
  cellwall_trace_spans_waiting: { unit: 'spans', alert: '–; 2,048 at most' },
  cellwall_trace_spans_exported_total: { unit: 'spans', alert: '–' },
  cellwall_trace_spans_dropped_total: {
    unit: 'spans',
    alert:
      '`increase(…[15m]) > 0` for long: the collector of traces is away, or refuses them; the log says why (docs/tracing.md)',
  },
  cellwall_trace_export_failures_total: { unit: 'requests', alert: '–; what is dropped shows whether it persists' },
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
  cellwall_edge_calls_total: {
    unit: 'calls',
    alert:
      'more than a twentieth of an edge is `decision="failed"` for minutes: `cellwall status SERVICE`, `cellwall explain`; beyond 2,000 ' +
      'series, or 400 of one destination, the source is `other`',
  },
  cellwall_svids_refused_total: {
    unit: 'refusals',
    alert:
      '`increase(…{code="permission_denied"}[15m]) > 0`: somebody proved who they are, and no document gives them an identity',
  },
  cellwall_proxies: { unit: 'proxies', alert: '–; `state="held"` for long: they disappeared' },
  cellwall_proxies_rejecting: {
    unit: 'proxies',
    alert: 'above 0: `cellwall status` shows what they reject, and which document made it',
  },
  cellwall_proxy_certificate_expires_in_seconds: {
    unit: 'seconds',
    alert: 'below 0: its calls fail; `cellwall certs list` says whose it is; absent while no proxy is connected',
  },
  cellwall_proxy_config_age_seconds: {
    unit: 'seconds',
    alert: 'above 60: what was changed, a denial perhaps, does not hold there yet (docs/runbook.md)',
  },
  cellwall_audit_last_record: { unit: 'record', alert: '–' },
  cellwall_audit_broken: {
    unit: '0 or 1',
    alert:
      '1: somebody changed or cut off the audit log, or it was restored; `cellwall audit verify` says where (docs/audit.md)',
  },
  cellwall_audit_records_lost_total: {
    unit: 'events',
    alert:
      '`increase(…[1h]) > 0`: the disk of the data folder was full or away; what the events were is in the log of `serve` alone',
  },
  cellwall_audit_sink_waiting_records: {
    unit: 'records',
    alert: 'above 0 for an hour, or growing: the log of `serve` says why the sink takes none',
  },
  cellwall_audit_sink_failures_total: { unit: 'attempts', alert: '–; the number above shows whether it persists' },
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
