// The admin API on its port and its socket. It opens before the rest.
import { adminSocketPath, fitsSocket } from '../admin/admin-socket.ts';
import { type Admin, type AdminParts, createAdmin } from '../admin/create-admin.ts';
import { readAdminOidcOptions } from '../admin/oidc/admin-oidc-options.ts';
import { createPageFiles } from '../admin/page/page-files.ts';
import { createAdminToken } from '../admin/token.ts';
import { pageFolder } from '../config.ts';
import { defined } from '../lib/defined.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenAdminDeps extends Omit<AdminParts, 'token' | 'approveOwn' | 'page' | 'oidc'> {
  readonly lifecycle: Lifecycle;
}

export interface OpenedAdmin extends Admin {
  readonly address: ServeOptions['admin'];
}

/** Rejects if the port is taken. A data folder whose path is too long for a socket gets none. */
export async function openAdmin(options: ServeOptions, { lifecycle, ...parts }: OpenAdminDeps): Promise<OpenedAdmin> {
  const token = createAdminToken(options.data);
  const page = createPageFiles(pageFolder());
  const oidc = options.adminOidc === undefined ? undefined : readAdminOidcOptions(options.adminOidc);
  const admin = createAdmin({
    ...parts,
    token,
    page,
    ...defined({ oidc }),
    approveOwn: options.approveByOthers !== true,
  });
  const socket = adminSocketPath(options.data);
  const fits = fitsSocket(socket);
  if (!fits) parts.log.warn({ socket }, 'no admin socket: its path is too long; commands use the port');
  const address = await listening({ what: 'the admin API', flag: '--admin-listen', address: options.admin }, () =>
    admin.api.listen(options.admin, fits ? socket : undefined),
  );
  lifecycle.defer('admin API', () => admin.api.close());
  return { ...admin, address };
}
