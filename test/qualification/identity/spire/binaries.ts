// SPIRE's own server and agent, as go.sum pins them.
import { builtByGo } from '../../../support/built-by-go.ts';
import type { Context } from '../../item.ts';

/** As in go.mod beside this. */
export const spireVersion = '1.13.3';

export interface SpireBinaries {
  readonly server: string;
  readonly agent: string;
}

export async function spireBinaries({ progress }: Pick<Context, 'progress'>): Promise<SpireBinaries> {
  const built = (name: string): Promise<string> =>
    builtByGo({
      ...{ name, release: `spire-${spireVersion}`, folder: import.meta.dirname, progress },
      // SQLite is C.
      ...{ main: `github.com/spiffe/spire/cmd/${name}`, cgo: true },
    });
  return { server: await built('spire-server'), agent: await built('spire-agent') };
}
