// A CommonJS function with a module of its own beside it: counts the words of a text.
//
//   ./tidepool deploy examples/report
//   ./tidepool invoke report --payload '{"text":"the tide comes and the tide goes"}'
const { countWords } = require("./words.js");

exports.handler = async (event) => {
  const counts = countWords(event?.text ?? "");
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`counted ${total} words`);
  return { total, counts };
};
