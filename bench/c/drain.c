/* drain HOOK - the least that capturing the output of a hook can cost: start it
 * with a pipe as its stdout, as large as a user may make it, and read that to
 * its end into one buffer. The bytes are thrown away. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char buffer[1 << 20];

int main(int argc, char **argv) {
	int ends[2], status;
	pid_t pid;
	posix_spawn_file_actions_t actions;
	if (argc != 2) {
		fprintf(stderr, "usage: drain HOOK\n");
		return 2;
	}
	if (pipe2(ends, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, ends[1], 1) != 0) {
		perror("pipe");
		return 2;
	}
	fcntl(ends[0], F_SETPIPE_SZ, 1 << 20); /* it works small as well */
	int err = posix_spawn(&pid, argv[1], &actions, NULL, argv + 1, environ);
	if (err != 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(err));
		return 1;
	}
	close(ends[1]);
	while (read(ends[0], buffer, sizeof buffer) > 0)
		;
	return waitpid(pid, &status, 0) != pid || status != 0;
}
