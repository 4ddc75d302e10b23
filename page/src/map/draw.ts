// Draws the map on a canvas: edges and nodes on one, what is pointed at on another above it, so that pointing redraws little.
import type { EdgeState } from '../../../src/admin/wire-map.ts';
import { type Drawn, type Layout, type Node, nodeSize, shortened } from './layout.ts';
import { callerName, edgeStates, edgeWords } from './words.ts';

/** Where the map is seen: screen = map * scale + offset. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export type Colours = (property: string) => string;

/** Below this, names cannot be read, and are left out. */
const readable = 0.45;

export function drawMap(
  context: CanvasRenderingContext2D,
  layout: Layout,
  camera: Camera,
  colour: Colours,
  hidden: ReadonlySet<EdgeState>,
): void {
  for (const _ of mapSteps(context, layout, camera, colour, hidden));
}

/** So many edges, or nodes, are a step. */
const part = 200;

/** The same, a part at a time: nothing else may be drawn there in between. */
export function* mapSteps(
  context: CanvasRenderingContext2D,
  layout: Layout,
  camera: Camera,
  colour: Colours,
  hidden: ReadonlySet<EdgeState>,
): Generator<undefined, undefined> {
  begin(context, camera);
  drawLanes(context, layout, camera, colour);
  // The worst last, above the others.
  for (const state of [...edgeStates].reverse()) {
    if (hidden.has(state)) continue;
    const edges = layout.edges.filter(({ edge }) => edge.state === state);
    context.globalAlpha = alphaOf(state, layout.edges.length);
    for (let from = 0; from < edges.length; from += part) {
      strokeEdges(context, edges.slice(from, from + part), camera, colour, state, layout.edges.length);
      yield;
    }
  }
  context.globalAlpha = 1;
  for (let from = 0; from < layout.nodes.length; from += part) {
    for (const node of layout.nodes.slice(from, from + part)) drawNode(context, node, camera, colour, false);
    yield;
  }
  context.restore();
  return undefined;
}

/** Among thousands, those that are well stand back. */
function alphaOf(state: EdgeState, all: number): number {
  const well = state === 'allowed' || state === 'unseen';
  return !well || all <= 600 ? 0.9 : all <= 2000 ? 0.4 : 0.16;
}

/** `node`: and whom it calls, and who calls it. */
export function drawMarked(
  context: CanvasRenderingContext2D,
  layout: Layout,
  camera: Camera,
  colour: Colours,
  node: Node | undefined,
): void {
  begin(context, camera);
  if (node !== undefined) {
    const own = layout.edges.filter(({ from, to }) => from === node || to === node);
    context.lineWidth = 2.5 / camera.scale;
    for (const state of [...edgeStates].reverse()) {
      strokeEdges(
        context,
        own.filter(({ edge }) => edge.state === state),
        camera,
        colour,
        state,
        own.length,
        2.5,
      );
    }
    for (const one of new Set(own.flatMap(({ from, to }) => [from, to]).concat(node))) {
      drawNode(context, one, camera, colour, true);
    }
  }
  context.restore();
}

/** The node at a point of the map. */
export function nodeAt({ nodes }: Layout, x: number, y: number): Node | undefined {
  return nodes.find(
    (node) => x >= node.x && x <= node.x + nodeSize.width && y >= node.y && y <= node.y + nodeSize.height,
  );
}

function begin(context: CanvasRenderingContext2D, { x, y, scale }: Camera): void {
  const { width, height } = context.canvas;
  const pixels = devicePixelRatio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.save();
  context.setTransform(scale * pixels, 0, 0, scale * pixels, x * pixels, y * pixels);
}

function drawLanes(context: CanvasRenderingContext2D, layout: Layout, { scale }: Camera, colour: Colours): void {
  for (const { label, x, y, width, height } of layout.lanes) {
    context.fillStyle = colour('--raised');
    context.strokeStyle = colour('--line');
    context.lineWidth = 1 / scale;
    context.beginPath();
    context.roundRect(x, y, width, height, 8);
    context.fill();
    context.stroke();
    context.fillStyle = colour('--quiet');
    context.font = `600 ${Math.max(12, Math.min(28, 11 / scale))}px system-ui, sans-serif`;
    context.textBaseline = 'top';
    context.fillText(label, x + 12, y + 9);
  }
}

/** `all`: how many the map has. */
function strokeEdges(
  context: CanvasRenderingContext2D,
  edges: readonly Drawn[],
  { scale }: Camera,
  colour: Colours,
  state: EdgeState,
  all: number,
  width = 1.3,
): void {
  const { dash, colour: name } = edgeWords[state];
  context.strokeStyle = colour(name);
  context.lineWidth = width / scale;
  // Dashes cost more than everything else: where lines are too many to tell them apart, they are left out.
  context.setLineDash(all > 1500 ? [] : dash.map((length) => length / scale));
  context.beginPath();
  for (const drawn of edges) curve(context, drawn);
  context.stroke();
  context.setLineDash([]);
  if (all > 1500) return;
  context.fillStyle = colour(name);
  for (const { to, from } of edges) arrow(context, to, from, scale);
}

function curve(context: CanvasRenderingContext2D, { from, to }: Drawn): void {
  const [startX, startY] = [from.x + nodeSize.width, from.y + nodeSize.height / 2];
  const [endX, endY] = [to.x, to.y + nodeSize.height / 2];
  const forward = endX > startX;
  // To the left, or to itself: around, so that it is seen.
  const bend = forward ? Math.max(30, (endX - startX) / 2) : 60;
  const down = forward ? 0 : endY === startY ? nodeSize.height * 1.4 : 0;
  context.moveTo(startX, startY);
  context.bezierCurveTo(startX + bend, startY + down, endX - bend, endY + down, endX, endY);
}

function arrow(context: CanvasRenderingContext2D, to: Node, from: Node, scale: number): void {
  const size = Math.min(7, 5 / scale);
  const [x, y] = [to.x, to.y + nodeSize.height / 2];
  if (from === to && scale < readable) return;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - size * 1.5, y - size * 0.8);
  context.lineTo(x - size * 1.5, y + size * 0.8);
  context.fill();
}

function drawNode(
  context: CanvasRenderingContext2D,
  node: Node,
  { scale }: Camera,
  colour: Colours,
  marked: boolean,
): void {
  const { x, y, label, service } = node;
  context.fillStyle = colour('--surface');
  context.strokeStyle = marked ? colour('--accent') : colour('--line-strong');
  context.lineWidth = (marked ? 2 : 1) / Math.max(scale, 0.5);
  if (service === undefined) context.setLineDash([4, 3]);
  context.beginPath();
  context.roundRect(x, y, nodeSize.width, nodeSize.height, 6);
  context.fill();
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colour(healthOf(node));
  context.beginPath();
  context.arc(x + 15, y + nodeSize.height / 2, 5, 0, 2 * Math.PI);
  context.fill();
  if (scale < readable && !marked) return;
  context.fillStyle = colour('--text');
  context.font = '13px system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.fillText(
    clipped(context, service === undefined ? callerName(label) : label),
    x + 27,
    y + nodeSize.height / 2 + 1,
  );
}

/** Handshakes that failed. */
const lately = 5 * 60_000;

/** Of its proxies, whether it is strict, and whether callers fail before it. */
function healthOf({ service }: Node): string {
  if (service === undefined || service.external === true) return '--line-strong';
  const { connected, rejecting, silent } = service.proxies;
  const refusing = (service.handshakes?.lastSeen ?? 0) > Date.now() - lately;
  if (rejecting > 0 || (connected > 0 && silent === connected)) return '--bad';
  if (connected === 0) return '--line-strong';
  return silent > 0 || refusing || service.mtls === 'permissive' ? '--warn' : '--good';
}

const widths = new Map<string, string>();

/** Measured once for each text. */
function clipped(context: CanvasRenderingContext2D, text: string): string {
  const known = widths.get(text);
  if (known !== undefined) return known;
  const room = nodeSize.width - 36;
  const result = shortened(text, (short) => context.measureText(short).width <= room);
  if (widths.size > 5000) widths.clear();
  widths.set(text, result);
  return result;
}
