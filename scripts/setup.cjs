// Makes a fresh clone ready to run: the locked packages (with the Node that npm scripts use), then gen/ and page/built. Does nothing when
// all are there. Old syntax on purpose: this is the one script that the machine's own Node runs, whatever its age.
'use strict';
var fs = require('fs');
var path = require('path');
var childProcess = require('child_process');

var root = path.join(__dirname, '..');

if (!installed()) install();
run('node', ['scripts/gen.ts'], { stdio: 'inherit' }, 'the code generation failed');
run('node', ['scripts/build-page.ts'], { stdio: 'inherit' }, 'the page could not be built');

/** Whether every locked package is installed in its locked version; npm keeps its own list of what it installed. */
function installed() {
  var locked = packagesOf(path.join(root, 'package-lock.json'));
  var present = packagesOf(path.join(root, 'node_modules/.package-lock.json'));
  if (locked === undefined)
    fail('package-lock.json is missing or broken', 'restore it: git checkout package-lock.json');
  if (present === undefined) return false;
  return Object.keys(locked).every((name) => {
    var wanted = locked[name];
    // Not installed in node_modules (the project, its workspaces), or for another platform.
    if (name.indexOf('node_modules/') !== 0 || wanted.link || wanted.optional) return true;
    return present[name] !== undefined && present[name].version === wanted.version;
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  } catch (_) {
    return undefined;
  }
}

function install() {
  process.stderr.write('setup: installing the locked packages (once) ... ');
  var started = Date.now();
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {}, 'npm ci failed');
  process.stderr.write(`done in ${Math.round((Date.now() - started) / 1000)} s\n`);
}

/** Runs a command with the project's own tools first on the PATH; says why and stops if it fails. */
function run(command, args, options, problem) {
  var env = Object.assign({}, process.env);
  env.PATH = path.join(root, 'node_modules/.bin') + path.delimiter + (env.PATH || '');
  var result = childProcess.spawnSync(command, args, Object.assign({ cwd: root, env: env }, options));
  if (result.status === 0) return;
  process.stderr.write('\n');
  if (result.stderr) process.stderr.write(result.stderr);
  fail(problem, `see above; by hand: ${command} ${args.join(' ')}`);
}

function fail(problem, hint) {
  process.stderr.write(`setup: ${problem}\n  hint: ${hint}\n`);
  process.exit(1);
}
