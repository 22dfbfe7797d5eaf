export { tidepool } from "../gen/tidepool.js";
