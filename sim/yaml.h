/* The reader of YAML text, under the names of this program. */
#ifndef SCOREGAP_SIM_YAML_H
#define SCOREGAP_SIM_YAML_H

#include "base/yaml.h"

#define SIM_SCALAR SG_YAML_SCALAR
#define SIM_LIST SG_YAML_LIST
#define SIM_MAP SG_YAML_MAP
#define sim_node sg_yaml
#define sim_yaml_read sg_yaml_read
#define sim_yaml_delete sg_yaml_delete
#define sim_yaml_find sg_yaml_find
#define sim_yaml_fail sg_yaml_fail
#define sim_yaml_within sg_yaml_within

#endif
