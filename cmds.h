/* The commands; each is described in the file of its family. */
#ifndef _CMDS_H
#define _CMDS_H

#include "cli/cli.h"

#endif
