// How long Envoy lets what a changed listener or chain had open go on, before it cuts it. It is one time for all of it (Envoy knows no
// other): a caller that is banned or loses a right waits for its end as well as a request that a new timeout of its service drains.
// Half of the bound of a cut (docs/cutting.md): the rest is for the control plane, for many proxies and for machines that are busy.
export const cutAfterSeconds = 2;

/** Of every Envoy that is to cut in time: its default is 600 s. */
export const cutArgs: readonly string[] = ['--drain-time-s', String(cutAfterSeconds), '--drain-strategy', 'immediate'];
