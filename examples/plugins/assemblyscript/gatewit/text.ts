// Texts have 16 bits a character in AssemblyScript, and are UTF-8 in the gateway.

/** Text as bytes. */
export function utf8(text: string): Uint8Array {
  // Half of a surrogate pair is no UTF-8, and the gateway takes nothing else for text.
  return Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
}

/** Bytes as text. What is not UTF-8 becomes something else that is. */
export function text(bytes: Uint8Array): string {
  return String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length);
}
