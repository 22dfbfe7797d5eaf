// How often each word occurs, most frequent first.
exports.countWords = (text) => {
  const counts = {};
  for (const word of String(text)
    .toLowerCase()
    .match(/\p{L}+/gu) ?? []) {
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort((a, b) => b[1] - a[1]));
};
