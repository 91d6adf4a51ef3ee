"""The command ``gearman``: submit jobs, or work on them with a command of the shell."""
