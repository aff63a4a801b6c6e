using System.Runtime.CompilerServices;

namespace DynamicFs.Erasure;

/// <summary>
/// output[r] = sum over c of coefficient[r, c] * input[c], byte by byte. Every output vector is computed in registers from all inputs and written
/// once, up to four outputs in one pass over the inputs. The last vector of a range may overlap the one before and writes the same bytes again, so
/// no length needs a special end, and outputs must not overlap inputs.
/// </summary>
internal static unsafe class CodingLoop<TLane, TVector>
    where TLane : struct, ICodingLane<TVector>
    where TVector : unmanaged
{
    // Inputs of one strip stay in the second-level cache while further groups of outputs read them again.
    private const int StripBytes = 8192;

    private const int MostRows = 4;

    /// <summary><paramref name="lengthBytes"/> is at least one vector.</summary>
    public static void Run(byte* entries, int columns, int rows, byte** inputs, byte** outputs, int lengthBytes)
    {
        int rowBytes = columns * TLane.EntryBytes;
        for (int start = 0; start < lengthBytes; start += StripBytes)
        {
            int end = Math.Min(lengthBytes, start + StripBytes);
            for (int row = 0; row < rows; row += MostRows)
            {
                byte* group = entries + (row * rowBytes);
                byte** to = outputs + row;
                switch (rows - row)
                {
                    case 1:
                        OneRow(group, columns, inputs, to, start, end);
                        break;
                    case 2:
                        TwoRows(group, columns, inputs, to, start, end);
                        break;
                    case 3:
                        ThreeRows(group, columns, inputs, to, start, end);
                        break;
                    default:
                        FourRows(group, columns, inputs, to, start, end);
                        break;
                }
            }
        }
    }

    private static void OneRow(byte* entries, int columns, byte** inputs, byte** outputs, nint start, nint end)
    {
        for (nint next = start; next < end; next += sizeof(TVector))
        {
            nint at = Math.Min(next, end - sizeof(TVector));
            byte* entry = entries;
            TVector sum0 = default;
            for (int column = 0; column < columns; column++, entry += TLane.EntryBytes)
            {
                TVector source = Unsafe.ReadUnaligned<TVector>(inputs[column] + at);
                sum0 = TLane.MultiplyAdd(sum0, source, entry);
            }

            Unsafe.WriteUnaligned(outputs[0] + at, sum0);
        }
    }

    private static void TwoRows(byte* entries, int columns, byte** inputs, byte** outputs, nint start, nint end)
    {
        int rowBytes = columns * TLane.EntryBytes;
        for (nint next = start; next < end; next += sizeof(TVector))
        {
            nint at = Math.Min(next, end - sizeof(TVector));
            byte* entry = entries;
            TVector sum0 = default, sum1 = default;
            for (int column = 0; column < columns; column++, entry += TLane.EntryBytes)
            {
                TVector source = Unsafe.ReadUnaligned<TVector>(inputs[column] + at);
                sum0 = TLane.MultiplyAdd(sum0, source, entry);
                sum1 = TLane.MultiplyAdd(sum1, source, entry + rowBytes);
            }

            Unsafe.WriteUnaligned(outputs[0] + at, sum0);
            Unsafe.WriteUnaligned(outputs[1] + at, sum1);
        }
    }

    private static void ThreeRows(byte* entries, int columns, byte** inputs, byte** outputs, nint start, nint end)
    {
        int rowBytes = columns * TLane.EntryBytes;
        for (nint next = start; next < end; next += sizeof(TVector))
        {
            nint at = Math.Min(next, end - sizeof(TVector));
            byte* entry = entries;
            TVector sum0 = default, sum1 = default, sum2 = default;
            for (int column = 0; column < columns; column++, entry += TLane.EntryBytes)
            {
                TVector source = Unsafe.ReadUnaligned<TVector>(inputs[column] + at);
                sum0 = TLane.MultiplyAdd(sum0, source, entry);
                sum1 = TLane.MultiplyAdd(sum1, source, entry + rowBytes);
                sum2 = TLane.MultiplyAdd(sum2, source, entry + (2 * rowBytes));
            }

            Unsafe.WriteUnaligned(outputs[0] + at, sum0);
            Unsafe.WriteUnaligned(outputs[1] + at, sum1);
            Unsafe.WriteUnaligned(outputs[2] + at, sum2);
        }
    }

    private static void FourRows(byte* entries, int columns, byte** inputs, byte** outputs, nint start, nint end)
    {
        int rowBytes = columns * TLane.EntryBytes;
        for (nint next = start; next < end; next += sizeof(TVector))
        {
            nint at = Math.Min(next, end - sizeof(TVector));
            byte* entry = entries;
            TVector sum0 = default, sum1 = default, sum2 = default, sum3 = default;
            for (int column = 0; column < columns; column++, entry += TLane.EntryBytes)
            {
                TVector source = Unsafe.ReadUnaligned<TVector>(inputs[column] + at);
                sum0 = TLane.MultiplyAdd(sum0, source, entry);
                sum1 = TLane.MultiplyAdd(sum1, source, entry + rowBytes);
                sum2 = TLane.MultiplyAdd(sum2, source, entry + (2 * rowBytes));
                sum3 = TLane.MultiplyAdd(sum3, source, entry + (3 * rowBytes));
            }

            Unsafe.WriteUnaligned(outputs[0] + at, sum0);
            Unsafe.WriteUnaligned(outputs[1] + at, sum1);
            Unsafe.WriteUnaligned(outputs[2] + at, sum2);
            Unsafe.WriteUnaligned(outputs[3] + at, sum3);
        }
    }
}
