// What an Envoy's own statistics say of its control plane.
import type { RunningEnvoy } from '../../../support/start-envoy.ts';

export interface EnvoyFigures {
  /** Rejected updates, of all types. */
  readonly rejected: number;
  /** Subscriptions and streams without a connection to the control plane; of those that say so. */
  readonly disconnected: number;
  readonly connections: number;
  readonly warming: number;
  /** Accepted updates by subscription. */
  readonly accepted: ReadonlyMap<string, number>;
}

export async function figuresOf({ admin }: RunningEnvoy): Promise<EnvoyFigures> {
  const text = await (await fetch(`${admin}/stats`)).text();
  const stats = text.split('\n').flatMap((line): [string, number][] => {
    const [, name = '', value = ''] = /^(\S+): (\d+)$/.exec(line) ?? [];
    return name === '' ? [] : [[name, Number(value)]];
  });
  const sum = (pattern: RegExp): number =>
    stats.reduce((total, [name, value]) => (pattern.test(name) ? total + value : total), 0);
  const states = stats.filter(([name]) => /control_plane\.connected_state$/.test(name));
  return {
    rejected: sum(/\.update_rejected$|\.config_fail$|\.key_rotation_failed$/),
    disconnected: states.filter(([, value]) => value !== 1).length,
    connections: states.length,
    warming: sum(/^listener_manager\.total_listeners_warming$|^cluster_manager\.warming_clusters$/),
    accepted: new Map(stats.filter(([name]) => /\.update_success$/.test(name))),
  };
}

/** Serials of its certificates with this name, one of which (that of its xDS connection) comes from files. */
export async function serialOf({ admin }: RunningEnvoy, uri: string): Promise<string | undefined> {
  const answer = await fetch(`${admin}/certs`);
  const { certificates = [] } = (await answer.json()) as {
    readonly certificates?: readonly {
      readonly cert_chain?: readonly {
        readonly serial_number: string;
        readonly subject_alt_names?: readonly { readonly uri?: string }[];
      }[];
    }[];
  };
  const serials = certificates
    .flatMap(({ cert_chain: chain = [] }) => chain)
    .filter(({ subject_alt_names: names = [] }) => names.some((name) => name.uri === uri))
    .map(({ serial_number: serial }) => serial);
  return serials.length === 0 ? undefined : serials.toSorted().join(' ');
}
