//! The agent's MCP server and the path of one request.
