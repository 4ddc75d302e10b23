// Optional fields that may have no value: an object has such a field with a value, or does not have it (exactOptionalPropertyTypes).

type Defined<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The fields that have a value (`null` is one). To be spread: `{ name, ...defined({ hint, at }) }`. */
export function defined<T extends object>(fields: T): Defined<T>;
export function defined(fields: object): object {
  const values = Object.values(fields);
  // Mostly all or none of them have one, and this is asked hundreds of times for each proxy.
  if (!values.includes(undefined)) return { ...fields };
  if (values.every((value) => value === undefined)) return {};
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
