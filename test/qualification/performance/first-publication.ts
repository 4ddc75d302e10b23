// A control plane starts before a large deployment: everything is made for everybody, and meanwhile it answers others.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { flagsOfServe } from '../../../bench/flags-of-serve.ts';
import type { Context, Item } from '../item.ts';
import type { FirstNews } from './support/publish-first.ts';

const scale = { services: 1000, dependencies: 10 };
const proxies = 1000;
const publishedBound = 3000;
const turnBound = 20;

export const firstPublicationItem: Item = {
  name: 'first-publication',
  line:
    `${proxies} proxies connect to a control plane with ${scale.services} services of ${scale.dependencies} dependencies each and ` +
    `${2 * scale.services} policies; in one process, with the V8 options of cellwall serve`,
  bound: `no turn of the event loop over ${turnBound} ms; all published to in ${publishedBound / 1000} s`,
  async run(context) {
    const figures = await publishFirst(context);
    return { ok: figures.publishedMs <= publishedBound && figures.longestTurnMs <= turnBound, figures };
  },
};

type Figures = Extract<FirstNews, { readonly kind: 'figures' }>['figures'];

function publishFirst({ work, progress, defer }: Context): Promise<Figures> {
  const args = [work, scale.services, scale.dependencies, proxies].map(String);
  const child = fork(join(import.meta.dirname, 'support', 'publish-first.ts'), args, { execArgv: [...flagsOfServe] });
  defer(() => void child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the control plane ended')));
    child.on('message', (news: FirstNews) => {
      if (news.kind === 'progress') progress(news.text);
      else resolve(news.figures);
    });
  });
}
