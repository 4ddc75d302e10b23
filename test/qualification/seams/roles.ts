// Who may call the admin API, and what stands in the records of it.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const rolesItem: Item = fromTests({
  name: 'roles',
  line:
    'Every route of the admin API answers each role, and requests without a credential, exactly as the table ' +
    'says; author and reason of every change are recorded',
  bound:
    "every route, 3 roles and none, by bearer token, by proof, and by operators' SVIDs over TLS; 0 answers that " +
    'differ from the table',
  files: ['test/admin/access.test.ts', 'test/admin/named-tokens.test.ts', 'test/serve/admin-tls.test.ts'],
});
