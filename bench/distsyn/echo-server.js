/** A gRPC server of one method that answers at once: what a bare unary call costs. Prints its port. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { tidepoolService } from "@tidepool/proto";
const server = new Server();
server.addService({ getFunction: tidepoolService.getFunction }, {
    getFunction: (call, answer) => answer(null, { name: call.request.name ?? "" }),
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null)
        throw error;
    process.stdout.write(`${port}\n`);
});
//# sourceMappingURL=echo-server.js.map