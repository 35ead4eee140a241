// The command that every wall-time measurement runs.
int main(void) { return 0; }
