// ControlTool: to be filled.
