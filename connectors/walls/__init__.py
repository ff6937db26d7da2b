"""Walls that a process raises around itself before it reads foreign bytes: it can never take them down again.

    namespaces  it is nobody outside: a user namespace of its own, and no capability (user_namespaces(7))
    landlock    it sees the files that it is told of, and nothing else (landlock(7))
    seccomp     it starts no process, speaks to no network, and touches no other process (seccomp(2))

`program` raises them and then becomes what it was asked for. There is a package for each of the latter two,
of which one is a development release and the other wants a library that few images have; what is needed of
both is a handful of system calls.
"""
