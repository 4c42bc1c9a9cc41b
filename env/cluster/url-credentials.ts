/** User and password in an address: sent to where it leads, and shown to nobody. */

/** An address as it may be shown: messages about it stand in statuses, events and logs. */
export function withoutCredentials(address: string): string {
  const url = new URL(address);
  if (url.username === '' && url.password === '') return address;
  url.username = '';
  url.password = '';
  return url.href;
}

/** Value of an Authorization header; undefined for an address without user and password. */
export function basicCredentials(address: string): string | undefined {
  const { username, password } = new URL(address);
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from([username, password].map(decoded).join(':')).toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that stands for itself.
    return text;
  }
}
