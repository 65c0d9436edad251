// An MCP server without any code about authentication: its one tool says who calls, from the headers that the gateway adds.

import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

function server() {
  const mcp = new McpServer({ name: "who-calls", version: "1.0.0" });
  mcp.registerTool("whoami", { description: "Says who calls" }, ({ requestInfo }) => ({
    content: [{ type: "text", text: String(requestInfo.headers["x-ms-client-principal-name"]) }],
  }));
  return mcp;
}

const http = createServer(async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on("close", () => transport.close());
  await server().connect(transport);
  await transport.handleRequest(request, response);
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
// It ends with the test that started it.
process.stdin.on("end", () => process.exit()).resume();
