// Signing in to the page by OpenID Connect, in a real browser: out to a provider, and back.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPage } from '../../scripts/build-page.ts';
import { type AdminHarness, startAdmin } from '../support/admin-harness.ts';
import { openTab, picture, startBrowser, violations } from '../support/browser.ts';
import { freePorts } from '../support/free-ports.ts';
import { type OidcStandIn, startOidc } from '../support/oidc-stand-in.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-sign-in-'));
let provider: OidcStandIn;
let admin: AdminHarness;

beforeAll(async () => {
  await buildPage();
  provider = await startOidc(folder);
  writeFileSync(join(folder, 'client.token'), provider.clientSecret);
  const [port = 0] = await freePorts(1);
  const role = { role: 'viewer' as const, rawResources: false, claim: 'groups_direct', values: ['platform'] };
  const oidc = {
    ...{ name: 'GitLab', issuer: provider.issuer, caFile: provider.caFile, clientId: provider.clientId },
    ...{ clientSecretFile: join(folder, 'client.token'), pageUrl: new URL(`http://127.0.0.1:${port}/`), scopes: [] },
    ...{ nameClaim: 'sub', sessionMinutes: 60, roles: [role] },
  };
  admin = await startAdmin({ oidc }, port);
});

afterAll(async () => {
  await admin?.close();
  await provider?.close();
  rmSync(folder, { recursive: true });
});

it('a browser is led to the provider and back, and is signed in, or told why not', { timeout: 60_000 }, async () => {
  const browser = await startBrowser();
  const origin = `http://127.0.0.1:${admin.address.port}`;
  const tab = await openTab(browser, origin, { ignoreHTTPSErrors: true, colorScheme: 'light' });
  const { page } = tab;
  await page.goto('/');
  const link = page.getByRole('link', { name: 'Sign in with GitLab' });
  await link.waitFor();
  expect(await violations(tab)).toEqual([]);
  await picture(tab, 'sign-in-oidc');
  await link.click();
  await page.getByRole('navigation').waitFor();
  await page.getByText('oidc:7').waitFor();
  expect(page.url()).not.toContain('cwp1');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await link.waitFor();

  provider.claims = { sub: '8', groups_direct: ['others'] };
  await link.click();
  await page.getByRole('status').filter({ hasText: 'none of your groups has a role here' }).waitFor();
  await picture(tab, 'sign-in-oidc-no-role');
  expect(await violations(tab)).toEqual([]);
  const others = tab.faults.filter((fault) => !fault.startsWith(`request: ${provider.issuer}/authorize`));
  expect(others).toEqual([]);
  await tab.close();
  await browser.close();
});
