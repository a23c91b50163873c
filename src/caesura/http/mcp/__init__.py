"""The door for agents: tools of the Model Context Protocol. Same keys, scopes, ids and shapes as the native API."""
