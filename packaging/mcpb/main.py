"""What a host runs: the package lies beside this file, its dependencies come from the lock file."""

from catena_ops_mcp.cli import main

main()
