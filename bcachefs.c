/* bcachefs: main() and the command table; nothing else. */
#include <stdio.h>

int main(int argc, char **argv)
{
	return 0;
}
