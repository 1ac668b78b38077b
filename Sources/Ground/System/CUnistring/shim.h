// Unicode tables that Swift's standard library has and does not show. libunistring has no pkg-config file.
#include <unictype.h>
#include <uninorm.h>
