// Stands for a function of a request trace in `tidepool replay`: says which call it served.
//
//   ./tidepool replay examples/traces/excerpt.jsonl --speed 60
export const handler = async (event) => ({ row: event?.row, call: event?.call });
