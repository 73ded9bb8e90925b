/* Sleeping for a time. */
#ifndef _BCH_LINUX_DELAY_H
#define _BCH_LINUX_DELAY_H

void msleep(unsigned int ms);
void usleep_range(unsigned long min_us, unsigned long max_us);

#endif
