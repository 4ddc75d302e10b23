// Puts a function around one of Node's own, so that whoever imports it gets it with what is around it.
export type Call = (this: unknown, ...args: unknown[]) => unknown;

/** `syncBuiltinESMExports()` afterwards is for the caller. What `promisify` knows of the function stays. */
export function wrap(target: object, name: string, around: (original: Call) => Call): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') return;
  const wrapped = around(function (this: unknown, ...args) {
    return Reflect.apply(original, this, args);
  });
  Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(original));
  Reflect.set(target, name, wrapped);
}
