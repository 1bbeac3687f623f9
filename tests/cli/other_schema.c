/* Writes FILE, an HDF5 file whose root has the attribute schema = "scoregap-result-0". */
#include <hdf5.h>

int main(int argc, char **argv) {
    static const char *const value = "scoregap-result-0";
    if (argc != 2) return 2;
    hid_t file = H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t attribute = H5Acreate2(file, "schema", type, space, H5P_DEFAULT, H5P_DEFAULT);
    int failed = H5Awrite(attribute, type, &value) < 0;
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return H5Fclose(file) < 0 || failed;
}
